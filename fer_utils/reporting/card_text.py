"""What the model card says in prose: no sentence here holds a measured number."""

USE = """\
**For study.** A baseline to compare with, material for lessons on evaluation, a start for other
data of small faces. It takes one upright face that fills the picture, and looks for none itself:

```python
from fer_utils import load_best

network = load_best()
print(network.predict("faces/"))  # one row per image: the probability of each expression
```

**Not for any judgement of people:** no hiring, teaching, policing, border, health or credit
decision; no watching of employees, pupils, customers or passers-by; no inference of what somebody
feels, intends or hides; no sorting or search of people. Not on photographs of people who were not
asked, and not as a part of something that acts without a person who looks.

{law} {science}"""
LAW = """\
In the European Union an AI system that infers emotions of people at work or in education is
prohibited, unless for medical or safety reasons (Regulation (EU) 2024/1689, Article 5(1)(f))."""
SCIENCE = """\
People do not show a feeling by one expression that others could read off reliably, in one person or
across cultures (Barrett and others 2019): the answers below are words that annotators chose for
pictures, not feelings."""
FACTORS = """\
- **Groups of people.** The data name neither age, sex, skin nor culture, so that no score by group
  can be computed: nothing here shows that this network treats groups alike, and it should be
  expected that it does not.
- **Pictures.** Small, cropped, one face in the middle. Light, contrast, blur, noise, compression,
  covered parts and tilt were changed one at a time, see *Worse pictures*. Other crops, colours,
  cameras and films were not measured.
- **Labels.** One annotation each; how far people agree with them stands under *What the labels are
  worth*.
- **Copies.** Some test images have a copy in training; they are scored apart."""
FER2013 = """\
FER2013 was collected from a web search for emotion words (Goodfellow and others 2013): many
pictures are posed, acted, drawn or cropped from films, and faces in daily life look otherwise. The
people in it were not asked; among them are children, and some can be recognised. No licence is
stated.
FER2013's files are not in this repository, but its report and some of its notebooks print
photographs from it, small, where a label or an error is the point. This card and the README show
drawings alone."""
OTHER_DATA = """\
What the pictures show, whom, where they are from and who agreed has to be added by whoever made
this data set."""
RECOMMENDATIONS = """\
- Find and crop the face first, and drop pictures without one: neither the answer nor its
  probability tells that there is none.
- Read probabilities, not labels alone; give no answer below a threshold, and count how often that
  happens for each class.
- Measure again on labelled pictures of your own, class by class and for each group of people that
  you can name, before anything is said about them.
- Compare with it on the same split, with the same test-time augmentation, and with intervals; say
  how test images with copies in training are counted.
- Do not train it further to tell who somebody is."""
REFERENCES = {
    "Barrett and others 2019": "L. F. Barrett, R. Adolphs, S. Marsella, A. M. Martinez, "
    "S. D. Pollak: Emotional expressions reconsidered. *Psychological Science in the Public "
    "Interest* 20(1)",
    "Barsoum and others 2016": "E. Barsoum, C. Zhang, C. Canton Ferrer, Z. Zhang: Training deep "
    "networks for facial expression recognition with crowd-sourced label distribution. *ICMI*",
    "Goodfellow and others 2013": "I. J. Goodfellow and others: Challenges in representation "
    "learning. *ICONIP*",
    "Mitchell and others 2019": "M. Mitchell and others: Model cards for model reporting. *FAT\\**",
}


def use() -> str:
    """What the network is for, and what it must not be used for."""
    return USE.format(law=" ".join(LAW.split("\n")), science=" ".join(SCIENCE.split("\n")))


def people(dataset: str) -> str:
    """Who is in the pictures, where they are from, and where they are shown."""
    return FER2013 if dataset == "fer2013" else OTHER_DATA


def references() -> str:
    """One line each; the card's form and sources."""
    return "\n".join(f"- {short}: {rest}." for short, rest in REFERENCES.items())
